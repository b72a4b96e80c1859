"""tables - those who open lookup tables or take messages apart

SEE ALSO
    DATABASE_README, mime(5)
"""

from common.params.parameter import LongInt, parameter


class Tables:
    """Read where lookup tables are opened, and messages are taken apart."""

    lmdb_map_size: LongInt = parameter(
        "16777216", "Size that an LMDB table begins with, in bytes; it grows as needed.", least=1
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
    mime_boundary_length_limit: int = parameter(
        "2048", "Bytes of a MIME boundary that are compared.", least=1
    )
    mime_nesting_limit: int = parameter(
        "100", "Parts within parts of a message that are told apart.", least=1
    )
    default_database_type: str = parameter(
        "hash", "Type of tables whose type is not named.", least=1
    )
