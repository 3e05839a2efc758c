# config.yaml as a text, and overlays. Needs: nothing. Makes: one message with file and line where a file is no YAML or
# names a key twice, before Snakemake reads what is in it.
import sys

from snakemake.exceptions import WorkflowError
from snakemake.utils import update_config

sys.path.insert(0, f"{workflow.basedir}/workflow_scripts")

from medfusion.planning import config_text
from medfusion.errors import UserError

try:
    for path in [f"{workflow.basedir}/config.yaml", *workflow.config_settings.configfiles]:
        config_text.check(path)
    update_config(workflow.config_settings.overwrite_config, config_text.typed(workflow.config_settings.config_args))
except UserError as error:
    raise WorkflowError(str(error))
