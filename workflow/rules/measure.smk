rule measure:
    input:
        unpack(measure_inputs),
    output:
        RESULTS / paths.RECORD,
    log:
        LOGS / "measure/{protocol}/{model}/{variant}.log",
    retries: 0
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        **ASKS.on_device,
        mem_mb=8000,
        disk_mb=100,
        runtime=ASKS.at_most(120),
        gpu=ASKS.gpus,
    params:
        code=RUN.measure_digest,
        options=RUN.measure_options,
    shell:
        "python -m stylenat --log {log} measure --model {wildcards.model} --protocol {wildcards.protocol} {params.options}"
        " --out {output}"
