"""master - the mail system's supervisor, one module a concern"""

from common.later import lighten

lighten()
