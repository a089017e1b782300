localrules:
    judge,


rule judge:
    input:
        plan=RESULTS / paths.PLAN,
        records=RUN.claim_records,
    output:
        RESULTS / paths.VERDICT,
    log:
        LOGS / "judge/{claim}.log",
    retries: 0
    conda:
        ENVIRONMENT
    params:
        code=provenance.claims_code(),
        results=RESULTS,
    shell:
        "python -m stylenat --log {log} judge --claim {wildcards.claim} --plan {input.plan} --results {params.results}"
        " --out {output}"
