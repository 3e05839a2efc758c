# config.yaml and overlays. Needs: ROOT. Makes: what this run was asked for; one message with file and line where a file is
# no YAML or names a key twice, before Snakemake reads what is in it.
import sys

from snakemake.exceptions import WorkflowError

sys.path.insert(0, f"{ROOT}/workflow_scripts")

from medfusion.planning import config_text
from medfusion.planning.snakemake_compat import asked
from medfusion.errors import UserError

ASKED = asked(workflow.output_settings.dryrun)
try:
    config_text.check(f"{ROOT}/config.yaml")
    config_text.check_overlays(ASKED.configfiles)
except UserError as error:
    raise WorkflowError(str(error))
