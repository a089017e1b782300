rule prepare:
    input:
        RUN.fetched_images,
    output:
        RESULTS / paths.PREPARED,
    log:
        LOGS / "prepare/{dataset}.log",
    benchmark:
        LOGS / "prepare/{dataset}.benchmark.tsv"
    priority: 20
    conda:
        ENVIRONMENT
    threads: 8
    resources:
        **ASKS.on_cpu,
        mem_mb=4000,
        disk_mb=ASKS.prepare_disk_mb,
        runtime=ASKS.prepare_minutes,
        gpu=0,
    params:
        card=lambda w: RUN.digest("datasets", w.dataset),
        options=RUN.prepare_options,
    shell:
        "python -m stylenat --log {log} prepare --dataset {wildcards.dataset} {params.options} --workers {threads}"
        " --out {output}"
