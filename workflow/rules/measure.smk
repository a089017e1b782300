rule measure:
    input:
        unpack(measure_inputs),
    output:
        RESULTS / paths.RECORD,
    log:
        LOGS / "measure/{protocol}/{model}/{variant}.log",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=8000,
        runtime=120,
        gpu=RUN.gpus,
    params:
        code=RUN.measure_digest,
        options=RUN.measure_options,
    shell:
        "python -m stylenat --log {log} measure --model {wildcards.model} --protocol {wildcards.protocol} {params.options}"
        " --out {output}"
