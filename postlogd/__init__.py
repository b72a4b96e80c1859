"""postlogd - the log service for Postfix's programs"""
