localrules:
    report,


rule report:
    input:
        plan=RESULTS / paths.PLAN,
        records=RUN.records,
        verdicts=RUN.verdicts,
        histories=[RESULTS / path for path in RUN.plan.histories.values()],
        samples=[RESULTS / path for path in RUN.plan.samples.values()],
        maps=[RESULTS / path for path in RUN.plan.maps.values()],
        simulation=RESULTS / RUN.plan.simulation,
    output:
        page=report(RESULTS / paths.REPORT, caption="../report/page.rst", category="Report"),
        markdown=RESULTS / "report/report.md",
        claims=report(RESULTS / "report/claims.csv", caption="../report/verdicts.rst", category="Tables"),
        measurements=report(
            RESULTS / "report/measurements.csv", caption="../report/measurements.rst", category="Tables"
        ),
        published=RESULTS / "report/published.csv",
        parquet=[RESULTS / f"report/{table}.parquet" for table in ("claims", "measurements", "published")],
        machine=RESULTS / "report/report.json",
        tables=directory(RESULTS / "report/tables"),
        figures=report(
            directory(RESULTS / "report/figures"),
            patterns=["{name}.svg", "{name,samples-.+}.png"],
            caption="../report/figures.rst",
            category="Figures",
            labels={"figure": "{name}"},
        ),
    log:
        LOGS / "report/report.log",
    retries: 0
    conda:
        ENVIRONMENT
    params:
        code=provenance.report_code(),
        results=RESULTS,
    shell:
        "python -m stylenat --log {log} report --plan {input.plan} --results {params.results} --out $(dirname {output.page})"
