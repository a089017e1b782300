localrules:
    plan,


rule plan:
    output:
        RESULTS / paths.PLAN,
    log:
        LOGS / "plan/plan.log",
    retries: 0
    conda:
        ENVIRONMENT
    params:
        run=json.dumps(config, sort_keys=True),
        cards=sha256_json(RUN.plan.cards),
    shell:
        "python -m stylenat --log {log} plan --run {params.run:q} --out {output}"
