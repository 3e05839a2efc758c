# Labels that may be wrong. Needs: features of networks, prepared images and which of them belong together; then the
# ranking, probabilities of all candidates, the labels of all splits, near-duplicates. Makes: out-of-fold probabilities of the
# training images, fitted without a test label; and a table of all labels with what speaks against them, in which nothing is
# fitted and which nothing but the page reads.


use rule stage as predict_out_of_fold with:
    input:
        **stage("predict_out_of_fold"),
        features=LABEL_AUDITS.features,
        train=PREPARED[0],
        val=PREPARED[1],
        groups=LABEL_AUDITS.groups,
    output:
        out_of_fold=f"{RESULTS}/{{dataset}}/audit/out_of_fold.h5",
    log:
        f"{LOGS}/{{dataset}}/audit/out_of_fold.log",
    resources:
        mem_mb=memory(700),
        runtime=minutes(30),
    message:
        "{wildcards.dataset}: probing the labels of the training images out of fold"


use rule stage as audit_labels with:
    input:
        **stage("audit_labels"),
        out_of_fold=rules.predict_out_of_fold.output.out_of_fold,
        ranking=rules.rank_systems.output.ranking,
        systems=REPRESENTATIVES.first_run_files,
        train=PREPARED[0],
        val=PREPARED[1],
        test_labels=rules.prepare.output.test_labels,
        near_duplicates=rules.audit_duplicates.output.summary,
    output:
        labels=f"{RESULTS}/{{dataset}}/audit/labels.csv",
        summary=f"{RESULTS}/{{dataset}}/audit/label_summary.json",
    log:
        f"{LOGS}/{{dataset}}/audit/labels.log",
    message:
        "{wildcards.dataset}: listing labels that may be wrong"
