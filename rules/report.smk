# The page; its figures and a reporting checklist as Markdown. Needs: everything above. Makes: results/report.html,
# results/results.md, results/checklist.md.


use rule stage as summarise with:
    input:
        **stage("summarise"),
        metrics=[file for dataset in DATASETS for file in PLAN.all_metrics(dataset)],
        rankings=expand(f"{RESULTS}/{{dataset}}/ranking.csv", dataset=DATASETS),
        comparisons=[PLAN.comparisons(dataset) for dataset in PLAN.one_class],
        reliability=expand(f"{RESULTS}/{{dataset}}/reliability/reliability.json", dataset=PLAN.one_class),
        slices=expand(f"{RESULTS}/{{dataset}}/slices.json", dataset=PLAN.with_metadata),
        audits=expand(rules.audit_duplicates.output.summary, dataset=DATASETS),
    output:
        text=f"{RESULTS}/results.md",
        checklist=f"{RESULTS}/checklist.md",
    log:
        f"{LOGS}/results.log",
    message:
        "Writing {output.text} and {output.checklist}"


use rule stage as report with:
    input:
        rules.collect_metrics.output.table,  # not read, but made with the page
        rules.summarise.output.checklist,  # linked
        **stage("report"),
        metrics=[file for dataset in DATASETS for file in PLAN.all_metrics(dataset)],
        figures=[file for dataset in DATASETS for file in PAGE.figures(dataset)],
        tables=[file for dataset in DATASETS for file in PAGE.tables(dataset)],
    output:
        page=f"{RESULTS}/report.html",
    log:
        f"{LOGS}/report.log",
    message:
        "Writing {output.page}"


onsuccess:
    if "report" in MADE:
        from medfusion.report import outcome

        for line in outcome.lines(config, RESULTS):
            print(line, file=sys.stderr)
        print(f"Open {rules.report.output.page}", file=sys.stderr)
