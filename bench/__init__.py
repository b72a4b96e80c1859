"""bench - Postroom beside Postfix on the same machine, in the same run"""

MEMORY = "/dev/shm"  # where instances live: no disk, no queue on it
