#!/usr/bin/env bash
# Tells Spark which GPUs this node has: {"name": "gpu", "addresses": ["0", "1"]}.
#
#   spark.worker.resource.gpu.discoveryScript, spark.executor.resource.gpu.discoveryScript = this file
#
# NIGHTTRAIN_GPUS=0,1 names them instead of nvidia-smi: for tests, and to keep some for others. A node without any prints an empty list.
set -euo pipefail
gpus=${NIGHTTRAIN_GPUS-$(nvidia-smi --query-gpu=index --format=csv,noheader 2>/dev/null | paste -sd, || true)}
gpus=${gpus//[[:space:]]/}
[[ $gpus =~ ^([0-9]+(,[0-9]+)*)?$ ]] || { echo "bad list of GPUs: $gpus (numbers, 0,1; set NIGHTTRAIN_GPUS, or leave it out)" >&2; exit 1; }
echo "{\"name\": \"gpu\", \"addresses\": [${gpus:+\"${gpus//,/\", \"}\"}]}"
