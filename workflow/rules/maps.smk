rule maps:
    input:
        RUN.weights,
    output:
        directory(RESULTS / paths.MAPS),
    log:
        LOGS / "maps/{model}/seed{seed}.log",
    benchmark:
        LOGS / "maps/{model}/seed{seed}.benchmark.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        **ASKS.on_device,
        mem_mb=16000,
        disk_mb=1000,
        runtime=ASKS.at_most(60),
        gpu=ASKS.gpus,
    params:
        code=RUN.maps_digest,
        device=RUN.card.device,
    shell:
        "python -m stylenat --log {log} maps --model {wildcards.model} --weights {input} --seed {wildcards.seed}"
        " --device {params.device} --out {output}"
