"""tests of qmqpd/, one module for each of its modules"""
