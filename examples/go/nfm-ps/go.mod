module nfm-ps

go 1.19

require nfm.invalid/go/nfm v0.0.0

replace nfm.invalid/go/nfm => ../../../bindings/go
