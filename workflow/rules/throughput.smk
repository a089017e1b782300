# One process times all networks of a protocol in turn, with the whole machine to itself.
rule throughput:
    output:
        RESULTS / paths.THROUGHPUT,
    log:
        LOGS / "throughput/{protocol}/{machine}-seed{seed}.log",
    wildcard_constraints:
        machine=r"[a-z0-9._-]+",
    conda:
        ENVIRONMENT
    threads: ASKS.timing_threads
    resources:
        **ASKS.on_device,
        mem_mb=32000,
        disk_mb=100,
        runtime=ASKS.at_most(240),
        gpu=ASKS.gpus,
    params:
        models=RUN.timed_models,
        code=RUN.timing_digest,
        device=RUN.card.device,
    shell:
        "python -m stylenat --log {log} throughput --protocol {wildcards.protocol} --models {params.models}"
        " --seed {wildcards.seed} --device {params.device} --out {output}"
