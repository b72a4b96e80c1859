"""tables - parameters of those who open lookup tables or take messages apart

SEE ALSO
    spec/parameters.md
"""

from common.params.parameter import LongInt, parameter
from common.params.suite import SuiteParams


class TableParams(SuiteParams):
    """Read by whoever opens a lookup table of a type that has parameters."""

    lmdb_map_size: LongInt = parameter(
        "16777216", "Size that an LMDB table begins with, in bytes; it grows as needed.", least=8192
    )
    berkeley_db_create_buffer_size: int = parameter(
        "16777216", "Memory for making a Berkeley DB table, in bytes.", least=1
    )
    berkeley_db_read_buffer_size: int = parameter(
        "131072", "Memory for reading a Berkeley DB table, in bytes.", least=1
    )
    proxymap_service_name: str = parameter(
        "proxymap", "The service that looks keys of proxy: tables up.", least=1
    )


class HeaderParams(SuiteParams):
    """Read by whoever looks at headers."""

    header_size_limit: int = parameter("102400", "Bytes of a header that are kept.", least=1)


class MimeParams(HeaderParams):
    """Read by whoever takes messages apart."""

    mime_boundary_length_limit: int = parameter(
        "2048", "Bytes of a MIME boundary that are compared.", least=1
    )
    mime_nesting_limit: int = parameter(
        "100", "Parts within parts of a message that are told apart.", least=1
    )


class MapParams(MimeParams):
    """Read by the command for lookup tables."""

    default_database_type: str = parameter(
        "hash", "Type of tables whose type is not named.", least=1
    )
