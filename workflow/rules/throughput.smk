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
    threads: workflow.cores
    resources:
        mem_mb=32000,
        runtime=240,
        gpu=RUN.gpus,
    params:
        models=RUN.timed_models,
        code=RUN.timing_digest,
        device=RUN.card.device,
    shell:
        "python -m stylenat --log {log} throughput --protocol {wildcards.protocol} --models {params.models}"
        " --seed {wildcards.seed} --device {params.device} --out {output}"
