"""Classification with persistence images, exact or predicted: section 5 of Som et al., "PI-Net" (2019).

Activities from accelerometers and photographs from pixels, each with and without images beside them. Volumes are
classified by `tdaflow evaluate` and the fusion networks of `tdaflow.evaluation`.
"""
