#!/usr/bin/env bash
# Makes the environment in $VENV fit for one purpose: tools/setup.sh cpu | cuda | jetson | openvino | test
#   cpu, cuda, jetson, openvino
#            what a device needs, with that ONNX Runtime: no torch, no ultralytics; with cpu about 400 MB
#   test     the runtime, every optional backend, the tools of the tests, and the reference
#            implementations (torch, ultralytics) that models are checked against
set -euo pipefail
cd "$(dirname "$0")/.."
purpose=${1:-cpu}
venv=${VENV:-.venv}
python=${PYTHON:-python3}
test_packages="python3-gi python3-gst-1.0 gir1.2-gst-plugins-base-1.0 gir1.2-gst-rtsp-server-1.0
  gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly
  gstreamer1.0-libav chromium libgles2 libegl1 postgresql nginx caddy prometheus
  mosquitto redis-server rabbitmq-server gpsd libimage-exiftool-perl minisign"

say() { printf '==> %s\n' "$*" >&2; }
die() { printf 'setup: %s\n' "$*" >&2; exit 1; }

debian_install() {
  local missing=() package
  for package in "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return
  if [ "$(id -u)" -eq 0 ]; then
    say "installing ${missing[*]}"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  else
    say "not installed: ${missing[*]}; what needs them is skipped. Run: sudo apt-get install ${missing[*]}"
  fi
}

command -v "$python" >/dev/null || { command -v apt-get >/dev/null && debian_install python3; }
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' ||
  die "$("$python" --version) is too old; install Python 3.10 or later, or name one with PYTHON=python3.12"

# Decoders and the web example run in Node, Kotlin on the JVM. Others than Debian pack npm with Node, so only what lacks.
command -v npm >/dev/null || test_packages+=" nodejs npm"
command -v ffmpeg >/dev/null || test_packages+=" ffmpeg"
command -v java >/dev/null || test_packages+=" default-jre-headless"

if [ ! -x "$venv/bin/python" ]; then
  say "creating the environment $venv"
  "$python" -c 'import ensurepip, venv' 2>/dev/null || debian_install python3-venv
  "$python" -m venv "$venv"
  "$venv/bin/python" -m pip install -q --upgrade 'pip>=25.1'
fi
# Python compiles what is imported; compiling all that is installed would take minutes and, on a device, 25 MB.
pip=("$venv/bin/python" -m pip install -q --no-compile)
# Another project's package, or this one under its former name: their files would overwrite each other.
"$venv/bin/python" -m pip uninstall -q -y streamvision 2>/dev/null

case $purpose in
cpu | cuda | jetson | openvino)
  say "installing the runtime with the extra $purpose"
  rm -f "$venv"/.ready-{cpu,cuda,jetson,openvino}
  # What another purpose left here: the packages of ONNX Runtime overwrite each other's files.
  case $purpose in cpu | openvino) other=onnxruntime-gpu ;; *) other=onnxruntime ;; esac
  if "$venv/bin/python" -m pip show -q "$other" 2>/dev/null; then
    "$venv/bin/python" -m pip uninstall -q -y onnxruntime onnxruntime-gpu
  fi
  "${pip[@]}" -e ".[$purpose]"
  ;;
test)
  if command -v apt-get >/dev/null; then
    # shellcheck disable=SC2086
    debian_install $test_packages
    # The browser tests take half as long in it; not every distribution has it, and they run in Chromium, too.
    if apt-cache show chromium-headless-shell >/dev/null 2>&1; then
      debian_install chromium-headless-shell || say "chromium-headless-shell was not installed; Chromium is used"
    fi
  fi
  say "installing the runtime, the optional backends and the tools of the tests"
  "${pip[@]}" -e '.[cpu,cluster,fleet,openvino,litert,ncnn,mqtt,notify,onvif,postgres,tls]' --group test --group lint --group deploy --group sbom
  say "installing the reference implementations (torch, ultralytics, trackeval): several minutes and gigabytes, once"
  "${pip[@]}" --group reference
  "${pip[@]}" -e '.[export,tune,drive]'
  # A package whose OCR models the second stage reads text with; it is never imported, so it needs none of what it asks for.
  "${pip[@]}" --no-deps 'rapidocr-onnxruntime==1.4.4'
  # A virtual ONVIF camera; it asks for opencv-python, and has what it needs of that here.
  "${pip[@]}" --no-deps 'ipycam==1.3.0'
  # What slicing is checked against; it asks for opencv-python, and merges boxes with NumPy and shapely alone.
  "${pip[@]}" --no-deps 'sahi==0.12.8'
  # The client of model servers allows only older protobuf, ml-dtypes and greenlet than others here ask for, and works with theirs.
  "${pip[@]}" --no-deps tritonclient brotli gevent geventhttpclient grpcio python-rapidjson zope.event zope.interface
  # The servers themselves have an environment of their own: Triton's Python backend needs NumPy 1.
  if [ ! -x "$venv/servers/bin/mlserver" ]; then
    say "installing model servers (Triton, MLServer): half a gigabyte, once"
    "$venv/bin/python" -m venv "$venv/servers"
    "$venv/servers/bin/python" -m pip install -q 'mlserver>=1.7' 'numpy<2' onnxruntime &&
      "$venv/servers/bin/python" -m pip install -q --no-deps 'nvidia-pytriton>=0.7' ||
      say "there are no model servers for this Python or machine; the tests that need them are skipped"
  fi
  # ultralytics, trackeval and mediapipe bring opencv-python, which overwrites opencv-python-headless and needs libGL: keep exactly one.
  "$venv/bin/python" -m pip uninstall -q -y opencv-python opencv-contrib-python opencv-python-headless 2>/dev/null
  "${pip[@]}" "$("$venv/bin/python" -c 'import importlib.metadata as m
print(next(r for r in m.requires("streamvision-edge") if r.startswith("opencv-python-headless")))')"
  # Debian compiles GStreamer's bindings for its own Python; an environment of the same version can use them.
  site=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
  tag=$("$venv/bin/python" -c 'import sys; print(f"cpython-{sys.version_info.major}{sys.version_info.minor}")')
  if compgen -G "/usr/lib/python3/dist-packages/gi/_gi.$tag-*.so" >/dev/null; then
    ln -sfn /usr/lib/python3/dist-packages/gi "$site/gi"
  else
    say "no GStreamer bindings for this Python; the tests that need them are skipped"
  fi
  ;;
*) die "unknown purpose '$purpose'; give cpu, cuda, jetson, openvino or test" ;;
esac
