rule import_checkpoint:
    output:
        RESULTS / paths.IMPORTED,
    log:
        LOGS / "import/{model}.log",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=8000,
        runtime=30,
    params:
        card=lambda w: RUN.digest("models", w.model),
        weights=RUN.card.weights,
    shell:
        "python -m stylenat --log {log} import --model {wildcards.model} --weights {params.weights} --out {output}"
