"""suite - Postroom as a whole: real processes, real peers, the loopback only

DESCRIPTION
    Every test makes an instance of its own in a short temporary folder, on a
    free port of 127.0.0.0/8, and leaves neither process nor file behind.

    instance, postroom, reference   a private Postroom, or the real Postfix
    qmqp, load                      clients: one at will, or many numbered ones
    corpus, exchange, observed      the recorded cases, played and compared
    queue_file, processes, waiting  what the checks look at
    peers                           the programs of others that are needed
"""
