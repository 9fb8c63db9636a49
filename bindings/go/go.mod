module nfm.invalid/go/nfm

go 1.19
