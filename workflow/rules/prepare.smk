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
    threads: 2
    resources:
        mem_mb=4000,
        runtime=240,
    params:
        card=lambda w: RUN.digest("datasets", w.dataset),
        raw=RUN.raw_folder,
    shell:
        "python -m stylenat --log {log} prepare --dataset {wildcards.dataset} --raw {params.raw} --out {output}"
