"""sandbox - what a daemon can do no more once it serves

DESCRIPTION
    needs         what must stay open       confinement   everything else is shut, in layers
    capabilities  landlock  seccomp         the layers that take more than a call of Python's
    layers        which of them hold        imports       no module is loaded any more

SEE ALSO
    ARCHITECTURE.md
"""
