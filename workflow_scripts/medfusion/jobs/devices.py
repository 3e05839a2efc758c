"""What a job computed on, for its record."""

import sys


def accelerator() -> str:
    """Name of the graphics processors that TensorFlow computes on; empty where it has none, or is not imported.

    TensorFlow is not imported for it: a stage that has not done so computes on processors.
    """
    tensorflow = sys.modules.get("tensorflow")
    if tensorflow is None:
        return ""
    devices = tensorflow.config.get_visible_devices("GPU")
    names = [tensorflow.config.experimental.get_device_details(device).get("device_name", "GPU") for device in devices]
    return ", ".join(f"{names.count(name)} {name}" if names.count(name) > 1 else name for name in dict.fromkeys(names))
