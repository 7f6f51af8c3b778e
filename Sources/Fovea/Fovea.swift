@_exported import FoveaTraining
