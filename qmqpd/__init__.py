"""qmqpd - takes one message per connection over QMQP from authorised hosts"""
