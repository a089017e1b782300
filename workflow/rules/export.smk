# On demand: `snakemake results/export/ffhq-256-lanczos.zip`. No measurement needs it.
rule export:
    input:
        RESULTS / paths.PREPARED,
    output:
        RESULTS / paths.EXPORTED,
    log:
        LOGS / "export/{dataset}.log",
    conda:
        ENVIRONMENT
    threads: 8
    resources:
        mem_mb=4000,
        disk_mb=RUN.prepare_disk_mb,
        runtime=RUN.prepare_minutes,
    shell:
        "python -m stylenat --log {log} export --images {input} --workers {threads} --out {output}"
