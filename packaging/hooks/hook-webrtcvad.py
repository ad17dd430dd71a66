"""The module webrtcvad comes from webrtcvad-wheels, which PyInstaller's own hook does not know."""

from PyInstaller.utils.hooks import copy_metadata

datas = copy_metadata("webrtcvad-wheels")
