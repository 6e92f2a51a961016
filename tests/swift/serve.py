"""OpenStack Swift with its S3 interface as one process: a proxy, and a server each of accounts, containers and objects, on one device.

    serve.py FOLDER     keeps everything in FOLDER and listens where it did the last time; prints "ready PORT" for the S3 interface.

Access key "test:tester", secret key "testing". Needs Python 3 with the packages that `fetch` unpacks.
"""
import eventlet
import eventlet.tpool

eventlet.monkey_patch()

import json
import logging
import os
import sys

import swift.common.utils as utils

folder = os.path.abspath(sys.argv[1])
conf = os.path.join(folder, "conf")
os.makedirs(conf, exist_ok=True)
utils.SWIFT_CONF_FILE = os.path.join(conf, "swift.conf")

from eventlet import wsgi
from swift.common.http_protocol import SwiftHttpProtocol
from swift.common.ring import RingBuilder

BACKENDS = ("account", "container", "object")
COMMON = f"bind_ip = 127.0.0.1\nswift_dir = {conf}\nuser = root\nworkers = 0\nlog_level = ERROR\n"
PROXY = """[pipeline:main]
pipeline = catch_errors cache s3api tempauth proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
allow_account_management = true
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = testing .admin
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:1
"""


def write(name, text):
    with open(os.path.join(conf, name), "w", encoding="utf-8") as file:
        file.write(text)


def prepare(ports):
    os.makedirs(os.path.join(folder, "devices", "d1"), exist_ok=True)
    write("swift.conf", "[swift-hash]\nswift_hash_path_prefix = a\nswift_hash_path_suffix = b\n[storage-policy:0]\nname = only\ndefault = yes\n")
    write("proxy.conf", f"[DEFAULT]\n{COMMON}bind_port = {ports['proxy']}\n{PROXY}")
    for kind in BACKENDS:
        write(f"{kind}.conf", f"[DEFAULT]\n{COMMON}bind_port = {ports[kind]}\ndevices = {folder}/devices\nmount_check = false\n"
              f"[pipeline:main]\npipeline = {kind}-server\n[app:{kind}-server]\nuse = egg:swift#{kind}\n")
        builder = RingBuilder(4, 1, 0)
        builder.add_dev({"id": 0, "region": 1, "zone": 1, "ip": "127.0.0.1", "port": ports[kind], "device": "d1", "weight": 1.0})
        builder.rebalance()
        builder.get_ring().save(os.path.join(conf, f"{kind}.ring.gz"))


def main():
    logging.raiseExceptions = False
    known = os.path.join(conf, "ports.json")
    ports = {}
    if os.path.exists(known):
        with open(known, encoding="utf-8") as file:
            ports = json.load(file)
    sockets = {kind: eventlet.listen(("127.0.0.1", ports.get(kind, 0)), reuse_port=False) for kind in ("proxy", *BACKENDS)}
    if not ports:
        ports = {kind: socket.getsockname()[1] for kind, socket in sockets.items()}
        prepare(ports)
        write("ports.json", json.dumps(ports))
    from swift.common.wsgi import loadapp

    for kind in (*BACKENDS, "proxy"):
        app = loadapp(os.path.join(conf, f"{kind}.conf"), global_conf={"log_name": kind})
        eventlet.spawn(wsgi.server, sockets[kind], app, log=logging.getLogger("wsgi"), log_output=False, protocol=SwiftHttpProtocol, capitalize_response_headers=False)
    print(f"ready {ports['proxy']}", flush=True)
    eventlet.tpool.execute(sys.stdin.read)  # ends with who started it


main()
