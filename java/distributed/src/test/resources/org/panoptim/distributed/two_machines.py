"""Two network namespaces, joined by a network that delays and loses packets; needs root.

usage: two_machines.py FOLDER DELAY

prints the ids of two processes, in whose namespaces (nsenter --target ID --net --mount) are the machines
10.77.0.1 and 10.77.0.2, and keeps the network until its input ends. A line of the input is the share of packets to
lose from then on. The first machine takes its own name, first.example, for a loopback address, as Debian does.

It needs /dev/net/tun and none of the kernel's traffic control.
"""

import fcntl
import heapq
import os
import pathlib
import random
import select
import struct
import subprocess
import sys
import time

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 1, 0x1000
HOSTS = ("127.0.0.1 localhost\n127.0.1.1 first.example\n", "127.0.0.1 localhost\n10.77.0.1 first.example\n")


def tun(name):
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    return device


def machine(number, folder):
    hosts = folder / f"hosts-{number}"
    hosts.write_text(HOSTS[number])
    script = f"mount --bind {hosts} /etc/hosts && echo up && exec sleep infinity"
    process = subprocess.Popen(
        ["unshare", "--net", "--mount", "sh", "-c", script], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
    )
    process.stdout.readline()
    name = f"panoptim{os.getpid() % 10000}{number}"
    device = tun(name)
    subprocess.run(["ip", "link", "set", name, "netns", str(process.pid)], check=True)
    inside = ["nsenter", "--target", str(process.pid), "--net"]
    for command in (
        f"ip address add 10.77.0.{1 + number} peer 10.77.0.{2 - number} dev {name}",
        f"ip link set {name} up",
        "ip link set lo up",
    ):
        subprocess.run(inside + command.split(), check=True)
    return process, device


def forward(devices, delay):
    loss = 0.0
    under_way = []
    count = 0
    while True:
        now = time.monotonic()
        while under_way and under_way[0][0] <= now:
            _, _, device, packet = heapq.heappop(under_way)
            try:
                os.write(device, packet)
            except OSError:
                pass  # A queue that is full loses packets, too.
        wait = under_way[0][0] - now if under_way else None
        for ready in select.select([sys.stdin, *devices], [], [], wait)[0]:
            if ready is sys.stdin:
                line = sys.stdin.readline()
                if not line:
                    return
                loss = float(line)
            else:
                packet = os.read(ready, 65536)
                if random.random() >= loss:
                    count += 1
                    other = devices[1 - devices.index(ready)]
                    heapq.heappush(under_way, (time.monotonic() + delay, count, other, packet))


def main():
    folder, delay = pathlib.Path(sys.argv[1]), float(sys.argv[2])
    machines = []
    try:
        for number in range(2):
            machines.append(machine(number, folder))
        print(*(process.pid for process, _ in machines), flush=True)
        forward([device for _, device in machines], delay)
    finally:
        for process, _ in machines:
            process.kill()


if __name__ == "__main__":
    main()
