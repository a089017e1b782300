localrules:
    simulate,


rule simulate:
    output:
        RESULTS / paths.SIMULATION,
    log:
        LOGS / "simulate/frechet.log",
    retries: 0
    conda:
        ENVIRONMENT
    threads: 1
    params:
        code=provenance.simulation_code(),
    shell:
        "python -m stylenat --log {log} simulate --out {output}"
