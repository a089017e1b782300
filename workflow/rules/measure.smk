# All records of a model under a protocol, in one process. They lie beside the declared list, and outlive a job in which
# one of them failed.
rule measure:
    input:
        unpack(measure_inputs),
    output:
        RESULTS / paths.RECORDS,
    log:
        LOGS / "measure/{protocol}/{model}.log",
    retries: 0
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        **ASKS.on_cpu,
        mem_mb=8000,
        disk_mb=100,
        runtime=ASKS.at_most(240),
        gpu=0,
    params:
        code=RUN.measure_digest,
        options=RUN.measure_options,
    shell:
        "python -m stylenat --log {log} measure --model {wildcards.model} --protocol {wildcards.protocol} {params.options}"
        " --out {output}"
