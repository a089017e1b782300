rule import_checkpoint:
    output:
        **{"snapshot": RESULTS / paths.IMPORTED, "card": RESULTS / paths.IMPORTED_CARD},
    log:
        LOGS / "import/{model}.log",
    retries: 0
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        **ASKS.on_cpu,
        mem_mb=8000,
        disk_mb=1000,
        runtime=ASKS.at_most(30),
        gpu=0,
    params:
        card=lambda w: RUN.digest("models", w.model),
        source=f"--part generator --weights {RUN.card.weights}",
    shell:
        "python -m stylenat --log {log} import --model {wildcards.model} {params.source} --out {output.snapshot}"


# On demand: no measurement needs a discriminator.
use rule import_checkpoint as import_discriminator with:
    output:
        snapshot=RESULTS / paths.DISCRIMINATOR,
        card=RESULTS / paths.DISCRIMINATOR_CARD,
    log:
        LOGS / "import/{model}/discriminator.log",
    params:
        card=lambda w: RUN.digest("models", w.model),
        source=f"--part discriminator --weights {RUN.card.weights}",
