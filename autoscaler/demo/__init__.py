"""The whole product on one machine: real HAProxy, real daemon, stand-in media servers, real sessions.

Needs the `demo` extra (`pip install 'ams-autoscaler[demo]'`), HAProxy and bash. `run.py` tells the story in order.
"""
