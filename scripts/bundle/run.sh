#!/usr/bin/env bash
# Tries Panoptim on this host's GPU. Needs a driver and nothing else; PyTorch is measured too where
# python3 can import it, and its cuBLAS is used where the system has none. Writes
# results/results.json, and what each part said to results/*.txt.
#   ./run.sh                  doctor, verify for both implementations, peers, bench
#   ./run.sh panoptim ...     the command line
#   ./run.sh java CLASS ...   another program of the jars
# PANOPTIM_JAVA_OPTIONS is passed on to the JVM; PANOPTIM_UNDER has words to put in front of it, as
# compute-sanitizer and its options. Exit status 1 if a part failed.
set -uo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" || exit 1
# Java takes file names for ASCII in the locale C, which is also that of a locale that is not installed.
[[ $(locale charmap 2>/dev/null) != ANSI* ]] || export LC_ALL=C.UTF-8
mkdir -p results/tmp || exit

# At the end, so that what is there already keeps its place.
if cublas=$(./find-cublas 2>/dev/null) && [[ -n $cublas ]]; then
    export LD_LIBRARY_PATH=${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$cublas
fi

java_command() {
    # shellcheck disable=SC2086 # several options are several words
    ${PANOPTIM_UNDER-} runtime/bin/java --enable-native-access=ALL-UNNAMED --sun-misc-unsafe-memory-access=allow \
        -Djava.io.tmpdir="$PWD/results/tmp" \
        -Dpanoptim.peers="$PWD/bench/peers" ${PANOPTIM_JAVA_OPTIONS-} \
        -cp 'lib/*' "$@"
}

if [[ ${1-} == panoptim ]]; then
    shift
    java_command org.panoptim.cli.Main "$@"
    exit
elif [[ ${1-} == java ]]; then
    shift
    java_command "$@"
    exit
fi

# A JSON string of standard input.
json_string() {
    local text
    text=$(tr -d '\000-\010\013-\037' | sed 's/\\/\\\\/g; s/"/\\"/g; s/\t/\\t/g')
    printf '"%s"' "${text//$'\n'/\\n}"
}

# The first line that a command prints, as a JSON string; null if there is none.
json_line() {
    local found
    if found=$("$@" 2>/dev/null | head -n 1) && [[ -n $found ]]; then
        json_string <<<"$found"
    else
        printf null
    fi
}

# What doctor says of the first device.
device() {
    sed -n 's/^ *device 0: //p' results/doctor.txt
}

smi() {
    nvidia-smi --query-gpu="$1" --format=csv,noheader
}

parts=()
failed=0

# add NAME STATUS SECONDS OUTCOME [JSON-FILE]
add() {
    local json="{\"part\": \"$1\", \"outcome\": \"$4\", \"exit_status\": $2, \"seconds\": $3, \"output\": "
    json+=$(tail -n 60 "results/$1.txt" | json_string)
    if [[ -s ${5-} ]]; then
        json+=", \"figures\": $(cat "$5")"
    fi
    parts+=("$json}")
    printf '%-24s %s\n' "$1" "$4" || failed=1
}

# part NAME JSON-FILE COMMAND...: runs it, and takes the file if it wrote one. Status 3: not possible here.
part() {
    local name=$1 figures=$2 begin=$SECONDS status=0 outcome=passed
    shift 2
    [[ ! -t 2 ]] || printf '%-24s ...\r' "$name" >&2
    rm -f "$figures"
    "$@" >"results/$name.txt" 2>&1 </dev/null || status=$?
    case $status in
        0) ;;
        3) outcome="not possible here" ;;
        *)
            outcome=failed
            failed=1
            ;;
    esac
    add "$name" $status $((SECONDS - begin)) "$outcome" "$figures"
    [[ $outcome == passed ]] || sed 's/^/    /' "results/$name.txt" | tail -n 8 || failed=1
}

peers() {
    command -v python3 >/dev/null || {
        echo "there is no python3"
        return 3
    }
    python3 bench/peers/torch_cuda.py --output results/torch.json
}

# The benchmark of the CUDA path writes its figures to the file that it is given.
bench() {
    java_command --dry-run org.panoptim.bench.CudaBenchmark >/dev/null 2>&1 || {
        echo "this bundle has no program org.panoptim.bench.CudaBenchmark"
        return 3
    }
    java_command org.panoptim.bench.CudaBenchmark results/bench.json
}

summary() {
    echo "{"
    echo "  \"date\": \"$date\","
    echo "  \"bundle\": $(json_line cat VERSION),"
    echo "  \"host\": $(json_line uname -srm),"
    echo "  \"virtual\": $(grep -qi 'virtual GPU' results/doctor.txt && echo true || echo false),"
    echo "  \"device\": $(json_line device),"
    echo "  \"driver\": $(json_line smi driver_version),"
    echo "  \"kernel_module\": $(json_line cat /proc/driver/nvidia/version),"
    echo "  \"power_limit\": $(json_line smi power.limit),"
    echo "  \"clocks_sm_memory\": {\"highest\": $(json_line smi clocks.max.sm,clocks.max.mem), \"before_bench\": $clocks_before, \"after_bench\": $(json_line smi clocks.sm,clocks.mem)},"
    echo "  \"parts\": ["
    for ((i = 0; i < ${#parts[@]}; i++)); do
        printf '    %s%s\n' "${parts[i]}" "$([[ $i == $((${#parts[@]} - 1)) ]] || echo ,)"
    done
    echo "  ]"
    echo "}"
}

date=$(date -u +%Y-%m-%dT%H:%M:%SZ)
part doctor '' java_command org.panoptim.cli.Main doctor
part verify-cuda-ffm '' java_command org.panoptim.cli.Main verify --backend cuda-ffm
part verify-cuda-jcuda '' java_command org.panoptim.cli.Main verify --backend cuda-jcuda
clocks_before=$(json_line smi clocks.sm,clocks.mem)
part peers results/torch.json peers
part bench results/bench.json bench

# In one piece, so that no failed write is missed.
text=$(summary)
printf '%s\n' "$text" >results/results.json || failed=1
rm -rf results/tmp
echo "results are in $PWD/results/results.json" || failed=1
exit $failed
