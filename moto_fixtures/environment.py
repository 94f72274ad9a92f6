"""Switches that moto reads once, when it is imported. Importing this module first is what sets them.

Without them an unknown image, instance type or key pair launches happily (moto 5.2). Any non-empty value means on.
"""

import os
import sys
from pathlib import Path

WORLDS = Path(__file__).with_name("worlds")
"""The folder of the worlds: one JSON file each."""

IMAGES = Path(__file__).with_name("images.json")
"""The machine images of every world, in moto's own format. They replace moto's stock images."""

SWITCHES = {
    "MOTO_AMIS_PATH": str(IMAGES),
    "MOTO_ENABLE_AMI_VALIDATION": "true",
    "MOTO_EC2_ENABLE_INSTANCE_TYPE_VALIDATION": "true",
    "MOTO_ENABLE_KEYPAIR_VALIDATION": "true",
}

if "moto.ec2" in sys.modules and any(os.environ.get(name) != value for name, value in SWITCHES.items()):
    raise ImportError("import moto_fixtures before moto: moto reads its switches only once")
os.environ.update(SWITCHES)
