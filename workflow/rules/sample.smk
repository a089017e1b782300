rule sample:
    input:
        RUN.weights,
    output:
        RESULTS / paths.SAMPLES,
    log:
        LOGS / "sample/{model}/seed{seed}-n{num}.log",
    benchmark:
        LOGS / "sample/{model}/seed{seed}-n{num}.benchmark.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        **ASKS.on_device,
        mem_mb=8000,
        disk_mb=ASKS.sample_disk_mb,
        runtime=ASKS.sample_minutes,
        gpu=ASKS.gpus,
    params:
        code=RUN.sample_digest,
        device=RUN.card.device,
    shell:
        "python -m stylenat --log {log} sample --model {wildcards.model} --weights {input} --seed {wildcards.seed}"
        " --count {wildcards.num} --device {params.device} --out {output}"
