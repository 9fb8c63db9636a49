module nfm-ps

go 1.19

require nfm v0.0.0

replace nfm => ../../../bindings/go
