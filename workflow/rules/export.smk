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
        **ASKS.on_cpu,
        mem_mb=4000,
        disk_mb=ASKS.prepare_disk_mb,
        runtime=ASKS.prepare_minutes,
        gpu=0,
    shell:
        "python -m stylenat --log {log} export --images {input} --workers {threads} --out {output}"
