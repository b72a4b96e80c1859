"""environment - the variables that master and its children live with

SEE ALSO
    common.environment
"""

from common import environment
from common.params import MasterParams


def adopt(params: MasterParams) -> None:
    """Make them the environment of this process, and of those it starts."""
    environment.adopt(params, params.postlog_service_name)
