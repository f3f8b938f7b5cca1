package lorikeet.kernels.sim;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * One tiny kernel per instruction. A row of the table is an instruction with letters for its registers, target first, and
 * what the sources hold and the target must then hold: r 32-bit word, h 16-bit, d 64-bit, f
 * float, g double, x a float as its bits, p predicate. Several sets are separated by semicolons; each lane gets one.
 */
class InstructionTest {
    private static final String TABLE = """
            add.s32 r r r        : 2 3 = 5; 0x7fffffff 1 = 0x80000000
            add.s64 d d d        : 0xffffffff 1 = 0x100000000
            add.s16 h h h        : 0xffff 2 = 1
            sub.s32 r r r        : 2 3 = -1
            sub.s64 d d d        : 0 1 = -1
            sub.s16 h h h        : 0 1 = 0xffff
            mul.lo.s32 r r r     : 0x10001 0x10001 = 0x20001; -3 7 = -21
            mul.lo.s64 d d d     : 0x100000001 0x100000001 = 0x200000001
            mul.lo.s16 h h h     : 0x101 0x101 = 0x201
            mul.hi.s32 r r r     : -1 2 = -1; 0x40000000 8 = 2
            mul.hi.u32 r r r     : -1 2 = 1
            mul.hi.s64 d d d     : -1 2 = -1
            mul.hi.u64 d d d     : -1 2 = 1
            mul.wide.s32 d r r   : -2 3 = -6; 0x10000 0x10000 = 0x100000000
            mul.wide.u32 d r r   : -2 3 = 0x2fffffffa
            mul.wide.s16 r h h   : 0xffff 3 = -3
            mul.wide.u16 r h h   : 0xffff 3 = 0x2fffd
            mad.lo.s32 r r r r   : 3 4 5 = 17
            mad.lo.s64 d d d d   : 3 4 5 = 17
            mad.lo.s16 h h h h   : 0x100 0x100 5 = 5
            mad.hi.u32 r r r r   : -1 -1 5 = 3
            mad.hi.s32 r r r r   : -1 2 5 = 4
            mad.wide.s32 d r r d : -2 3 7 = 1
            mad.wide.u32 d r r d : -1 -1 0xffffffff = 0xffffffff00000000
            div.s32 r r r        : -7 2 = -3; 7 0 = -1; 0x80000000 -1 = 0x80000000
            div.u32 r r r        : -7 2 = 0x7ffffffc; 7 0 = -1
            div.s64 d d d        : -7 2 = -3
            div.u64 d d d        : -7 2 = 0x7ffffffffffffffc
            div.s16 h h h        : 0xfff9 2 = 0xfffd
            div.u16 h h h        : 0xfff9 2 = 0x7ffc
            rem.s32 r r r        : -7 2 = -1; 7 -2 = 1
            rem.u32 r r r        : -7 4 = 1
            rem.s64 d d d        : -7 2 = -1
            rem.u64 d d d        : -7 4 = 1
            min.s32 r r r        : -1 1 = -1
            min.u32 r r r        : -1 1 = 1
            min.s64 d d d        : -1 1 = -1
            min.u64 d d d        : -1 1 = 1
            min.s16 h h h        : 0xffff 1 = 0xffff
            min.u16 h h h        : 0xffff 1 = 1
            max.s32 r r r        : -1 1 = 1
            max.u32 r r r        : -1 1 = -1
            max.s64 d d d        : -1 1 = 1
            max.u64 d d d        : -1 1 = -1
            abs.s32 r r          : -5 = 5; 0x80000000 = 0x80000000
            abs.s64 d d          : -5 = 5
            abs.s16 h h          : 0xfffb = 5
            neg.s32 r r          : 5 = -5
            neg.s64 d d          : 5 = -5
            neg.s16 h h          : 5 = 0xfffb
            sad.s32 r r r r      : -3 4 10 = 17
            sad.u32 r r r r      : -1 1 10 = 8
            and.b32 r r r        : 12 10 = 8
            and.b64 d d d        : 0xf0f0f0f0f0 0xff00000000 = 0xf000000000
            and.b16 h h h        : 12 10 = 8
            or.b32 r r r         : 12 10 = 14
            or.b64 d d d         : 12 10 = 14
            xor.b32 r r r        : 12 10 = 6
            xor.b64 d d d        : 12 -1 = -13
            not.b32 r r          : 0 = -1
            not.b64 d d          : 0 = -1
            not.b16 h h          : 1 = 0xfffe
            cnot.b32 r r         : 0 = 1; 5 = 0
            and.pred p p p       : 1 1 = 1; 1 0 = 0
            or.pred p p p        : 1 0 = 1; 0 0 = 0
            xor.pred p p p       : 1 1 = 0; 1 0 = 1
            not.pred p p         : 0 = 1; 1 = 0
            mov.pred p p         : 0 = 0; 1 = 1
            mov.pred p 1         : = 1
            lop3.b32 r r r r 0x96 : 1 3 7 = 5
            lop3.b32 r r r r 0xE8 : 12 10 6 = 14
            shl.b32 r r r        : 1 31 = 0x80000000; 1 32 = 0; 1 33 = 0; 1 -1 = 0
            shl.b64 d d r        : 1 40 = 0x10000000000; 1 64 = 0; 1 -1 = 0
            shl.b16 h h r        : 3 15 = 0x8000; 3 16 = 0; 3 32 = 0
            shr.u32 r r r        : -1 31 = 1; -1 32 = 0; -1 -1 = 0
            shr.s32 r r r        : 0x80000000 31 = -1; 0x80000000 32 = -1; 0x40000000 40 = 0; -8 1 = -4
            shr.b32 r r r        : -1 4 = 0x0fffffff
            shr.u64 d d r        : -1 63 = 1; -1 64 = 0
            shr.s64 d d r        : -2 1 = -1; -2 64 = -1; 2 70 = 0
            shr.u16 h h r        : 0x8000 15 = 1; 0x8000 16 = 0
            shr.s16 h h r        : 0x8000 15 = 0xffff; 0x8000 20 = 0xffff
            shf.l.wrap.b32 r r r r  : 0x80000000 1 1 = 3; 0x80000000 1 33 = 3; 5 9 32 = 9
            shf.r.wrap.b32 r r r r  : 0 1 1 = 0x80000000; 5 9 32 = 5
            shf.l.clamp.b32 r r r r : 0x80000000 1 1 = 3; 5 9 32 = 5; 5 9 40 = 5
            shf.r.clamp.b32 r r r r : 0 1 1 = 0x80000000; 5 9 32 = 9; 5 9 -1 = 9
            bfe.u32 r r r r      : 0xabcd1234 8 8 = 0x12; -1 28 8 = 15; -1 3 0 = 0; -1 40 3 = 0
            bfe.s32 r r r r      : 0x0000f200 8 8 = 0xfffffff2; 0x80000000 28 8 = 0xfffffff8; 0x80000000 40 3 = -1; -1 0 0 = 0
            bfe.u64 d d r r      : 0xabcd123400000000 40 8 = 0x12
            bfe.s64 d d r r      : 0x8000000000000000 60 8 = -8; -1 0 64 = -1
            bfi.b32 r r r r r    : 0xff 0 4 4 = 0xf0; 0 -1 8 8 = 0xffff00ff; 5 7 32 4 = 7; -1 0 0 32 = -1; -1 9 3 0 = 9
            bfi.b64 d d d r r    : 0xff 0 36 4 = 0xf000000000
            prmt.b32 r r r r     : 0x03020100 0x07060504 0x7531 = 0x07050301; 0x80 0 0x8888 = -1; 0x12345678 0 0x0123 = 0x78563412
            popc.b32 r r         : -1 = 32; 0x101 = 2
            popc.b64 r d         : -1 = 64
            clz.b32 r r          : 0 = 32; 1 = 31
            clz.b64 r d          : 0 = 64; 1 = 63
            brev.b32 r r         : 1 = 0x80000000
            brev.b64 d d         : 2 = 0x4000000000000000
            bfind.u32 r r        : 0 = -1; 0x80 = 7
            bfind.s32 r r        : -1 = -1; -2 = 0; 0x40 = 6
            bfind.shiftamt.u32 r r : 0x80 = 24; 0 = -1
            bfind.u64 r d        : 0x100000000 = 32

            setp.eq.s32 p r r    : 1 1 = 1; 1 2 = 0
            setp.ne.s32 p r r    : 1 1 = 0; 1 2 = 1
            setp.lt.s32 p r r    : -1 1 = 1; 1 1 = 0
            setp.le.s32 p r r    : 1 1 = 1; 2 1 = 0
            setp.gt.s32 p r r    : 1 -1 = 1; 1 1 = 0
            setp.ge.s32 p r r    : 1 1 = 1; -1 1 = 0
            setp.lt.u32 p r r    : -1 1 = 0; 1 -1 = 1
            setp.le.u32 p r r    : -1 1 = 0; 1 1 = 1
            setp.gt.u32 p r r    : -1 1 = 1; 1 1 = 0
            setp.ge.u32 p r r    : -1 1 = 1; 1 -1 = 0
            setp.lo.u32 p r r    : -1 1 = 0; 1 -1 = 1
            setp.ls.u32 p r r    : 1 1 = 1
            setp.hi.u32 p r r    : -1 1 = 1
            setp.hs.u32 p r r    : -1 1 = 1
            setp.eq.s64 p d d    : 0x100000000 0 = 0; 7 7 = 1
            setp.ne.s64 p d d    : 0x100000000 0 = 1; 7 7 = 0
            setp.lt.s64 p d d    : -1 1 = 1; 1 1 = 0
            setp.le.s64 p d d    : -1 1 = 1; 1 1 = 1
            setp.gt.u64 p d d    : -1 1 = 1; 1 1 = 0
            setp.ge.s64 p d d    : -1 1 = 0; 1 1 = 1
            setp.lt.u64 p d d    : -1 1 = 0
            setp.eq.b16 p h h    : 1 1 = 1; 1 0xffff = 0
            setp.lt.s16 p h h    : 0xffff 1 = 1
            setp.lt.u16 p h h    : 0xffff 1 = 0
            setp.eq.f32 p f f    : 1 1 = 1; 1 2 = 0; NaN NaN = 0; 0 -0 = 1
            setp.ne.f32 p f f    : 1 1 = 0; 1 2 = 1; NaN 1 = 0; NaN NaN = 0
            setp.lt.f32 p f f    : 1 2 = 1; 2 1 = 0; NaN 1 = 0; -0 0 = 0
            setp.le.f32 p f f    : 1 1 = 1; 2 1 = 0; 1 NaN = 0
            setp.gt.f32 p f f    : 2 1 = 1; 1 1 = 0; 1 NaN = 0
            setp.ge.f32 p f f    : 1 1 = 1; 1 2 = 0; NaN 1 = 0
            setp.equ.f32 p f f   : 1 1 = 1; 1 2 = 0; NaN 1 = 1
            setp.neu.f32 p f f   : 1 1 = 0; 1 2 = 1; NaN 1 = 1; NaN NaN = 1
            setp.ltu.f32 p f f   : 1 2 = 1; 2 1 = 0; 1 1 = 0; NaN 1 = 1
            setp.leu.f32 p f f   : 1 1 = 1; 2 1 = 0; 1 NaN = 1
            setp.gtu.f32 p f f   : 2 1 = 1; 1 1 = 0; 1 NaN = 1
            setp.geu.f32 p f f   : 1 1 = 1; 1 2 = 0; NaN 1 = 1
            setp.num.f32 p f f   : 1 2 = 1; NaN 1 = 0; 1 NaN = 0
            setp.nan.f32 p f f   : 1 2 = 0; NaN 1 = 1; 1 NaN = 1
            setp.gt.ftz.f32 p f f : 1e-40 0 = 0; 1 0 = 1
            setp.lt.f64 p g g    : 1 2 = 1; NaN 1 = 0
            setp.neu.f64 p g g   : 1 1 = 0; NaN 1 = 1
            setp.ne.f64 p g g    : 1 2 = 1; NaN 1 = 0
            setp.eq.and.s32 p r r p : 1 1 1 = 1; 1 1 0 = 0; 1 2 1 = 0
            setp.eq.or.s32 p r r p  : 1 1 0 = 1; 1 2 0 = 0; 1 2 1 = 1
            setp.eq.xor.s32 p r r p : 1 1 1 = 0; 1 2 1 = 1
            setp.eq.and.s32 p r r !p : 1 1 0 = 1; 1 1 1 = 0
            selp.b32 r r r p     : 3 4 1 = 3; 3 4 0 = 4
            selp.b64 d d d p     : 3 4 1 = 3; 3 4 0 = 4
            selp.b16 h h h p     : 3 4 1 = 3; 3 4 0 = 4
            selp.f32 f f f p     : 1.5 2.5 0 = 2.5
            selp.f64 g g g p     : 1.5 2.5 1 = 1.5

            mov.u32 r r          : 7 = 7
            mov.u64 d d          : -7 = -7
            mov.u16 h h          : 7 = 7
            mov.b32 r f          : 1 = 0x3f800000
            mov.b32 f r          : 0x3f800000 = 1
            mov.b64 d g          : 1 = 0x3ff0000000000000
            mov.f32 f 0f40490FDB : = 3.1415927
            mov.f64 g 0d3FF8000000000000 : = 1.5
            mov.u32 r 0x10       : = 16
            mov.u32 r 010        : = 8
            mov.u32 r 0b101      : = 5
            mov.s32 r -7         : = -7
            mov.u32 r WARP_SZ    : = 32
            mov.u32 r %ntid.x    : = 32
            mov.u32 r %tid.z     : = 0
            mov.b32 r {h,h}      : 0x1234 0xabcd = 0xabcd1234
            mov.b64 d {r,r}      : 1 2 = 0x200000001
            mov.b32 f {0,h}      : 0x3f80 = 1

            cvt.u32.u16 r h      : 0xffff = 0xffff
            cvt.rna.tf32.f32 r f : 1.00048828125 = 0x3f802000; -1.00048828125 = 0xbf802000; 1.000488162 = 0x3f800000; 3.4028235e38 = 0x7f800000; -Inf = 0xff800000; NaN = 0x7fffffff
            cvt.s32.s16 r h      : 0xffff = -1
            cvt.s32.s8 r r       : 0x180 = 0xffffff80
            cvt.u32.u8 r r       : 0x1ff = 0xff
            cvt.s16.s8 h h       : 0xff = 0xffff
            cvt.u16.u32 h r      : 0x12345678 = 0x5678
            cvt.u32.u64 r d      : 0x123456789 = 0x23456789
            cvt.u64.u32 d r      : -1 = 0xffffffff
            cvt.s64.s32 d r      : -1 = -1
            cvt.s64.s16 d h      : 0x8000 = 0xffffffffffff8000
            cvt.sat.u8.s32 r r   : 300 = 255; -5 = 0; 77 = 77
            cvt.sat.s16.s32 h r  : 70000 = 0x7fff; -70000 = 0x8000
            cvt.sat.s32.u32 r r  : -1 = 0x7fffffff
            cvt.sat.u32.s64 r d  : -1 = 0; 0x100000000 = -1
            cvt.rn.f32.s32 f r   : -5 = -5; 16777217 = 16777216; 16777219 = 16777220
            cvt.rn.f32.u32 f r   : -1 = 4294967296
            cvt.rz.f32.s32 f r   : 16777219 = 16777218; -16777219 = -16777218
            cvt.rp.f32.s32 f r   : 16777217 = 16777218
            cvt.rm.f32.s32 f r   : -16777217 = -16777218
            cvt.rn.f32.s64 f d   : 0x8000000000000000 = -9223372036854775808
            cvt.rn.f32.u64 f d   : -1 = 18446744073709551616; 0x8000008000000001 = 9223373136366403584
            cvt.rn.f32.u16 f h   : 0xffff = 65535
            cvt.rn.f32.s16 f h   : 0xffff = -1
            cvt.rn.f64.s32 g r   : -5 = -5
            cvt.rn.f64.u32 g r   : -1 = 4294967295
            cvt.rn.f64.u64 g d   : -1 = 18446744073709551616
            cvt.rni.s32.f32 r f  : 2.5 = 2; 3.5 = 4; -2.5 = -2; NaN = 0; 3e9 = 0x7fffffff; -3e9 = 0x80000000; Inf = 0x7fffffff
            cvt.rzi.s32.f32 r f  : 2.9 = 2; -2.9 = -2; NaN = 0; -Inf = 0x80000000
            cvt.rmi.s32.f32 r f  : 2.9 = 2; -2.1 = -3
            cvt.rpi.s32.f32 r f  : 2.1 = 3; -2.9 = -2
            cvt.rzi.u32.f32 r f  : -1 = 0; 3e9 = 3000000000; 5e9 = -1; NaN = 0
            cvt.rzi.u16.f32 h f  : -1 = 0; 70000 = 0xffff; 7 = 7
            cvt.rzi.s16.f32 h f  : -2 = 0xfffe; 40000 = 0x7fff
            cvt.rzi.s64.f32 d f  : -3e9 = -3000000000; NaN = 0
            cvt.rzi.u64.f32 d f  : 1e19 = 9999999980506447872; 1e20 = -1; -1 = 0
            cvt.rzi.s32.f64 r g  : -2.9 = -2; 1e10 = 0x7fffffff
            cvt.rni.s64.f64 d g  : 2.5 = 2
            cvt.rni.f32.f32 f f  : 2.5 = 2; -0.4 = -0
            cvt.rzi.f32.f32 f f  : -2.9 = -2; NaN = NaN
            cvt.rmi.f32.f32 f f  : -2.1 = -3
            cvt.rpi.f32.f32 f f  : 2.1 = 3
            cvt.sat.f32.f32 f f  : 2 = 1; -1 = 0; 0.5 = 0.5; NaN = 0
            cvt.rn.f32.f64 f g   : 0.1 = 0.1; 1e300 = Inf; NaN = NaN
            cvt.rz.f32.f64 f g   : 0.1 = #3dcccccc; 1e300 = 3.4028235e38
            cvt.rp.f32.f64 f g   : 1e-60 = 1e-45
            cvt.f64.f32 g f      : 0.5 = 0.5; NaN = NaN
            cvt.ftz.f64.f32 g f  : 1e-40 = 0
            cvt.rn.f16.f32 h f   : 1 = 0x3c00; 1e5 = 0x7c00; NaN = 0x7fff
            cvt.f32.f16 f h      : 0x3c00 = 1; 0x8001 = -5.9604645e-8
            cvt.rn.bf16.f32 h x  : #3f808000 = 0x3f80; #3f818000 = 0x3f82; #3f808001 = 0x3f81; #7f7fffff = 0x7f80; #7f800001 = 0x7fff; #bf808001 = 0xbf81
            cvt.f32.bf16 f h     : 0x3f80 = 1
            cvt.rn.bf16x2.f32 r f f : 1 2 = 0x3f804000

            add.f32 f f f        : 0.1 0.2 = 0.3; Inf -Inf = NaN; 1 NaN = NaN; 3e38 3e38 = Inf
            add.ftz.f32 f f f    : 1e-40 1 = 1; 1e-40 0 = 0; -1e-40 -0 = -0
            add.sat.f32 f f f    : 0.5 0.75 = 1; -1 0 = 0; NaN 1 = 0
            add.rn.f32 f f f     : 16777216 1 = 16777216
            add.rz.f32 f f f     : 16777216 3 = 16777218; -16777216 -3 = -16777218; 1 -1 = 0
            add.rm.f32 f f f     : 16777216 1 = 16777216; -16777216 -1 = -16777218; 1 -1 = -0; 0 0 = 0; 0 -0 = -0
            add.rp.f32 f f f     : 16777216 1 = 16777218; 1 1e-30 = 1.0000001; -16777216 -1 = -16777216
            sub.f32 f f f        : 1 0.1 = 0.9; Inf Inf = NaN
            sub.rz.f32 f f f     : 16777216 -3 = 16777218
            mul.f32 f f f        : 3 0.1 = 0.3; 0 Inf = NaN; 1e-30 1e-30 = 0
            mul.ftz.f32 f f f    : 1e-20 1e-20 = 0; 1e-40 1e10 = 0
            mul.rz.f32 f f f     : 3e38 10 = 3.4028235e38; 1.0000001 1.0000001 = 1.0000002
            mul.rp.f32 f f f     : 1e-30 1e-30 = 1e-45; -1e-30 1e-30 = -0; 1.0000001 1.0000001 = 1.0000004
            mul.rm.f32 f f f     : -1e-30 1e-30 = -1e-45
            fma.rn.f32 f f f f   : 1.0000001 1.0000001 -1.0000002 = 1.4210855e-14; Inf 0 1 = NaN
            fma.rz.f32 f f f f   : 1 1 1e-30 = 1; -1 1 1e-30 = -0.99999994
            fma.rm.f32 f f f f   : 1 1 -1e-30 = 0.99999994; 1 1 -1 = -0
            fma.rp.f32 f f f f   : 1 1 1e-30 = 1.0000001
            mad.rn.f32 f f f f   : 2 3 4 = 10
            fma.rn.sat.f32 f f f f : 2 3 4 = 1
            div.rn.f32 f f f     : 1 3 = 0.33333334; 1 0 = Inf; 0 0 = NaN; -1 0 = -Inf
            div.rz.f32 f f f     : 2 3 = 0.6666666; -2 3 = -0.6666666; 1 0 = Inf
            div.rp.f32 f f f     : 1 3 = 0.33333334; 1 -3 = -0.3333333
            div.rm.f32 f f f     : 1 3 = 0.3333333
            div.approx.f32 f f f : 6 3 = 2; 1 Inf = 0; 1 2e38 = 0; Inf 2e38 = NaN
            div.full.f32 f f f   : 6 3 = 2
            rcp.rn.f32 f f       : 3 = 0.33333334; 0 = Inf; -Inf = -0
            rcp.rz.f32 f f       : 3 = 0.3333333
            rcp.approx.f32 f f   : 4 = 0.25; 0 = Inf; -0 = -Inf; Inf = 0
            rcp.approx.ftz.f32 f f : 1e-40 = Inf; 2e38 = 0
            sqrt.rn.f32 f f      : 2 = 1.4142135; -1 = NaN; -0 = -0
            sqrt.rp.f32 f f      : 2 = 1.4142137
            sqrt.approx.f32 f f  : 4 = 2
            rsqrt.approx.f32 f f : 4 = 0.5; 0 = Inf; -1 = NaN; Inf = 0
            ex2.approx.f32 f f   : 3 = 8; -Inf = 0; Inf = Inf; NaN = NaN; 0 = 1
            ex2.approx.ftz.f32 f f : -130 = 0; 1e-40 = 1
            lg2.approx.f32 f f   : 8 = 3; 0 = -Inf; -1 = NaN; 1 = 0; Inf = Inf
            sin.approx.f32 f f   : 0 = 0; -0 = -0; 1 = 0.84147096; Inf = NaN
            cos.approx.f32 f f   : 0 = 1; 1 = 0.5403023
            tanh.approx.f32 f f  : 0 = 0; Inf = 1; -Inf = -1; 1 = 0.7615942
            min.f32 f f f        : 1 2 = 1; NaN 2 = 2; 1 NaN = 1; NaN NaN = NaN; 0 -0 = -0; -0 0 = -0
            max.f32 f f f        : 1 2 = 2; NaN 2 = 2; 1 NaN = 1; NaN NaN = NaN; 0 -0 = 0
            min.NaN.f32 f f f    : NaN 2 = NaN; 1 2 = 1
            max.NaN.f32 f f f    : 2 NaN = NaN; 1 2 = 2
            max.ftz.f32 f f f    : 1e-40 -1 = 0
            abs.f32 f f          : -2 = 2; -0 = 0; -Inf = Inf
            neg.f32 f f          : 2 = -2; 0 = -0
            abs.ftz.f32 f f      : -1e-40 = 0
            copysign.f32 f f f   : -1 2 = -2; 0 -3 = 3
            add.f64 g g g        : 0.1 0.2 = 0.30000000000000004
            sub.f64 g g g        : 0.3 0.1 = 0.19999999999999998
            mul.f64 g g g        : 0.1 3 = 0.30000000000000004
            fma.rn.f64 g g g g   : 3 4 5 = 17
            div.rn.f64 g g g     : 1 3 = 0.3333333333333333
            rcp.rn.f64 g g       : 3 = 0.3333333333333333
            rcp.approx.ftz.f64 g g : 4 = 0.25; 0 = Inf
            rsqrt.approx.ftz.f64 g g : 4 = 0.5
            sqrt.rn.f64 g g      : 2 = 1.4142135623730951
            min.f64 g g g        : 1 NaN = 1; 1 2 = 1
            max.f64 g g g        : NaN 1 = 1; 1 2 = 2
            abs.f64 g g          : -2 = 2
            neg.f64 g g          : 2 = -2
            copysign.f64 g g g   : -1 2 = -2
            """;

    /** An instruction with its sets of inputs and expected outputs, all as bits. */
    record Row(String text, List<String> letters, List<List<Long>> sets) {
        @Override
        public String toString() {
            return text;
        }
    }

    static Stream<Row> rows() {
        return TABLE.lines().filter(line -> !line.isBlank()).map(InstructionTest::row);
    }

    private static Row row(String line) {
        var halves = line.split(" : ?", 2);
        var words = halves[0].strip().split("[ ,{}]+");
        var letters =
                Stream.of(words).skip(1).map(w -> w.replace("!", "")).filter(w -> w.matches("[rhdfgxp]")).toList();
        var sets = new ArrayList<List<Long>>();
        for (var set : halves[1].split(";")) {
            var numbers = set.replace("=", " ").strip().split("\\s+");
            assertThat(numbers).as(line).hasSize(letters.size());
            var bits = new ArrayList<Long>();
            for (int i = 0; i < numbers.length; i++) {
                // The target's letter comes first, its number last.
                bits.add(bits(numbers[i], letters.get((i + 1) % letters.size())));
            }
            sets.add(bits);
        }
        return new Row(halves[0].strip(), letters, sets);
    }

    private static long bits(String number, String letter) {
        if (number.startsWith("#")) {
            return Long.parseUnsignedLong(number.substring(1), 16);
        }
        var java = number.replace("Inf", "Infinity");
        return switch (letter) {
            case "f", "x" ->
                number.equals("NaN") ? Float32.NAN : Float.floatToRawIntBits(Float.parseFloat(java)) & 0xFFFFFFFFL;
            case "g" ->
                number.equals("NaN") ? Float64.bits(Double.NaN) : Double.doubleToRawLongBits(Double.parseDouble(java));
            case "d" -> integer(number);
            case "r" -> integer(number) & 0xFFFFFFFFL;
            default -> integer(number) & 0xFFFF;
        };
    }

    private static long integer(String number) {
        return number.startsWith("0x")
                ? Long.parseUnsignedLong(number.substring(2), 16)
                : number.startsWith("-") ? Long.parseLong(number) : Long.parseUnsignedLong(number);
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("rows")
    void gives(Row row) {
        int count = row.letters().size();
        var inputs = new long[32 * count];
        for (int lane = 0; lane < 32; lane++) {
            var set = row.sets().get(lane % row.sets().size());
            for (int i = 0; i < count; i++) {
                inputs[lane * count + i] = set.get(i);
            }
        }
        try (var sim = new Simulation(Simulation.EXACT)) {
            long in = sim.upload(inputs);
            long out = sim.upload(new long[32]);
            sim.run(kernel(row), Simulation.grid(1, 32), out, in);
            var results = sim.longs(out, 32);
            for (int lane = 0; lane < 32; lane++) {
                long expected = inputs[lane * count + count - 1];
                assertThat(Long.toHexString(results[lane])).as("%s, set %d", row, lane % row.sets().size())
                        .isEqualTo(Long.toHexString(expected));
            }
        }
    }

    /** Loads the sources, executes the instruction, stores the target as 64 bits. */
    private static String kernel(Row row) {
        var body = new StringBuilder("""
                ld.param.u64 %d10, [out]; ld.param.u64 %d11, [in]; mov.u32 %r10, %tid.x;
                mad.wide.u32 %d10, %r10, 8, %d10;
                mad.wide.u32 %d11, %r10, SIZE, %d11;
                """.replace("SIZE", String.valueOf(8 * row.letters().size())));
        var words = row.text().split("(?<=[ ,{}!])|(?=[ ,{}!])");
        var instruction = new StringBuilder();
        int next = 0;
        for (var word : words) {
            if (word.matches("[rhdfgxp]")) {
                var register = "%" + word.replace('x', 'f') + next;
                if (next > 0) {
                    body.append(load(word, register, 8 * (next - 1)));
                }
                instruction.append(register);
                next++;
            } else {
                instruction.append(word);
            }
        }
        // Operands stand apart by blanks in the table and by commas in PTX.
        var mnemonic = instruction.substring(0, instruction.indexOf(" "));
        var operands = instruction.substring(mnemonic.length()).strip().replaceAll(" +", ", ");
        body.append(mnemonic).append(' ').append(operands).append(";\n");
        body.append(store(row.letters().getFirst())).append("ret;");
        return Simulation.kernel(".param .u64 out, .param .u64 in", body.toString());
    }

    private static String load(String letter, String register, int offset) {
        var address = "[%d11+" + offset + "];\n";
        return switch (letter) {
            case "r" -> "ld.global.u32 " + register + ", " + address;
            case "h" -> "ld.global.u16 " + register + ", " + address;
            case "d" -> "ld.global.u64 " + register + ", " + address;
            case "g" -> "ld.global.f64 " + register + ", " + address;
            case "p" -> "ld.global.u32 %r19, " + address + "setp.ne.s32 " + register + ", %r19, 0;\n";
            default -> "ld.global.f32 " + register + ", " + address;
        };
    }

    private static String store(String letter) {
        return switch (letter) {
            case "r" -> "st.global.u32 [%d10], %r0;\n";
            case "h" -> "st.global.u16 [%d10], %h0;\n";
            case "d" -> "st.global.u64 [%d10], %d0;\n";
            case "g" -> "st.global.f64 [%d10], %g0;\n";
            case "p" -> "selp.u32 %r19, 1, 0, %p0;\nst.global.u32 [%d10], %r19;\n";
            default -> "st.global.f32 [%d10], %f0;\n";
        };
    }
}
