#!/bin/bash
#
# Healthy: nginx answers.  Whether the stores do is for /readyz: a container
# that is started again because Redis is away helps nobody.

set -euo pipefail

exec 3<>/dev/tcp/127.0.0.1/8080
printf 'GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' >&3
read -r -t 2 _ status _ <&3
[[ $status == 200 ]]
