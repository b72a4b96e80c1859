"""parameters - what each parameter of qmqpd and cleanup does, shown on running instances"""
