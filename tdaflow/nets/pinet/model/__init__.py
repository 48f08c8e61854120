"""Volume PI-Net: its network, training record, uncertainty, and the folder that holds a trained one."""
