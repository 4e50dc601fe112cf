# Counts the logs of a test run: cmocka's totals, "ok" and "not ok" lines, and a program that
# failed without having said so.
FNR == 1 { finish() }
/^\[  PASSED  \] [0-9]+ test/ { passed += $4; counted = 1 }
/^\[  FAILED  \] [0-9]+ test/ { failed += $4; counted = 1; bad = 1 }
/^ok / { passed++; counted = 1 }
/^not ok / { failed++; counted = 1; bad = 1 }
/^exit [0-9]+$/ { status = $2 }
{ name = FILENAME }
function finish() {
    if (name != "") {
        if (status != 0 && !bad) { failed++; bad = 1 }
        else if (status == 0 && !counted) passed++
        if (bad) print "failed: " name
    }
    status = 1 # a log without its last line was cut short
    bad = counted = 0
}
END {
    finish()
    print passed + 0 " passed, " failed + 0 " failed"
    exit failed > 0 || passed == 0
}
