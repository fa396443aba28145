#!/bin/sh
# Prepares the database and opens JupyterLab on the participant's own copy of the notebooks.
set -eu

mine=/var/lib/lab/notebooks
mkdir -p "$mine"
# only what is missing: what somebody has changed is theirs (delete a notebook and restart to get it anew)
for file in /opt/lab/notebooks/*.ipynb; do
  name=${file##*/}
  # by way of another name, so that a copy that was broken off is made again
  [ -e "$mine/$name" ] || { cp "$file" "$mine/.$name.new" && mv "$mine/.$name.new" "$mine/$name"; }
done

# roles, data and the mark; does nothing where they are
python -m lab.compose.prepare

# Jupyter reads the token from JUPYTER_TOKEN_FILE, so it is neither on the command line nor in the log; `make url` shows
# it. Nothing can be installed here, so the extension manager only lists.
exec jupyter lab --ip=0.0.0.0 --port=8888 --no-browser --ServerApp.port_retries=0 --ServerApp.root_dir="$mine" \
  --LabApp.extension_manager=readonly
