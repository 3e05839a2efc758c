# Corrupted test images. Needs: networks, classifiers and fusions, the calibration, and for the measures alone the test
# labels. Makes: what systems say of images that scanner, lens or file made worse, and what that costs. Nothing is fitted.


use rule stage as corrupt_predict with:
    input:
        **stage("corrupt_predict"),
        model=PLAN.trained_network,
        images=PREPARED[2],
        classifiers=CORRUPTIONS.classifiers,
        fusions=CORRUPTIONS.fusions,
    output:
        corrupted=f"{RESULTS}/{{dataset}}/{{model}}/seed{{seed}}/corrupted.h5",
    log:
        f"{LOGS}/{{dataset}}/{{model}}/seed{{seed}}/corrupted.log",
    threads: NETWORK
    resources:
        mem_mb=memory(1500, "corrupt_predict"),
        runtime=minutes(60),
    message:
        "{wildcards.dataset}: corrupted test images, seen by {wildcards.model}, seed {wildcards.seed}"


use rule stage as corrupt_evaluate with:
    input:
        **stage("corrupt_evaluate"),
        corrupted=CORRUPTIONS.corrupted,
        calibration=rules.calibrate.output.calibration,
        test_labels=rules.prepare.output.test_labels,
    output:
        corruptions=f"{RESULTS}/{{dataset}}/corruptions.csv",
    log:
        f"{LOGS}/{{dataset}}/corruptions.log",
    resources:
        mem_mb=memory(700),
        runtime=minutes(20),
    message:
        "{wildcards.dataset}: measuring what corrupted test images cost"
