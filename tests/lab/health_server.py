#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A gRPC server with the standard health service: health_server.py ADDRESS [CERT KEY].

The server as a whole and "shop.Cart" are SERVING, "shop.Till" is NOT_SERVING, others NOT_FOUND. The
messages are written by hand, so that nothing but python3-grpcio is needed; which imports a module named
grpc_health where it finds one, so this file must not be called so.
"""
import sys
from concurrent import futures

import grpc

STATUSES = {"": 1, "shop.Cart": 1, "shop.Till": 2}


def check(request, context):
    service = request[2:].decode() if request else ""
    if service not in STATUSES:
        context.abort(grpc.StatusCode.NOT_FOUND, "unknown service")
    return bytes([8, STATUSES[service]])


def main(address, cert=None, key=None):
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
    handler = grpc.unary_unary_rpc_method_handler(check)
    handlers = grpc.method_handlers_generic_handler("grpc.health.v1.Health", {"Check": handler})
    server.add_generic_rpc_handlers((handlers,))
    if cert:
        pair = (open(key, "rb").read(), open(cert, "rb").read())
        server.add_secure_port(address, grpc.ssl_server_credentials([pair]))
    else:
        server.add_insecure_port(address)
    server.start()
    server.wait_for_termination()


main(*sys.argv[1:])
