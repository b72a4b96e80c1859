"""commands - postroom's tools, one module a verb"""

from common.later import lighten

lighten()
