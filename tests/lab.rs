//! Throwaway.
use gasshuku::prelude::*;
use std::path::Path;

fn linear(train: &Dataset, test: &Dataset, decay: f64) -> (f64, f64) {
    let x = |d: &Dataset| d.info.normalization.apply(&d.images).flatten(1, -1);
    let (xt, xs) = (x(train), x(test));
    let w = Tensor::zeros([xt.size()[1], 2], (Kind::Float, Device::Cpu)).set_requires_grad(true);
    let b = Tensor::zeros([2], (Kind::Float, Device::Cpu)).set_requires_grad(true);
    let vs = nn::VarStore::new(Device::Cpu);
    let _ = vs;
    let (mut mw, mut vw) = (w.zeros_like(), w.zeros_like());
    let mut best: f64 = 0.0;
    for step in 1..=1500 {
        let logits = xt.matmul(&w) + &b;
        let loss = logits.cross_entropy_for_logits(&train.labels) + (&w * &w).sum(Kind::Float) * decay;
        loss.backward();
        tch::no_grad(|| {
            let g = w.grad();
            mw = &mw * 0.9 + &g * 0.1;
            vw = &vw * 0.999 + &g * &g * 0.001;
            let m = &mw / (1.0 - 0.9f64.powi(step));
            let v = &vw / (1.0 - 0.999f64.powi(step));
            let mut w2 = w.shallow_clone();
            w2 -= m / (v.sqrt() + 1e-8) * 1e-3;
            let mut b2 = b.shallow_clone();
            b2 -= b.grad() * 0.05;
            w.grad().zero_();
            b.grad().zero_();
        });
        if step % 50 == 0 {
            best = best.max(acc(&xs, &w, &b, &test.labels));
        }
    }
    (acc(&xt, &w, &b, &train.labels), best)
}
fn acc(x: &Tensor, w: &Tensor, b: &Tensor, l: &Tensor) -> f64 {
    (x.matmul(w) + b).argmax(-1, false).eq_tensor(l).to_kind(Kind::Float).mean(Kind::Float).double_value(&[])
}
fn env(n: &str, d: f64) -> f64 { std::env::var(n).ok().and_then(|v| v.parse().ok()).unwrap_or(d) }

#[test]
fn lab() {
    let t = std::time::Instant::now();
    let folder = load_folder(Path::new("/tmp/animals/animals"), [3, 32, 32]).unwrap();
    println!("load {:?}\n{folder}", t.elapsed());
    for seed in 0..env("SEEDS", 2.0) as u64 {
        let (train_set, test_set) = folder.dataset.split(0.75, seed).unwrap();
        if env("LINEAR", 1.0) > 0.0 { for decay in [0.0, 1e-4, 1e-3, 1e-2, 1e-1] {
            println!("linear {decay} {:?}", linear(&train_set, &test_set, decay));
        } }
        let t = std::time::Instant::now();
        let model = LeNet::new(&LeNetSettings{seed, ..LeNetSettings::table()}, Device::Cpu).unwrap();
        let settings = TrainingSettings { epochs: env("EPOCHS", 40.0) as usize, batch_size: env("BATCH", 50.0) as usize, learning_rate: env("RATE", 5e-3), seed, ..Default::default() };
        train(&model, &train_set, &settings).unwrap();
        println!("lenet {:?} train {} test {}", t.elapsed(), score(&model, &train_set).unwrap(), score(&model, &test_set).unwrap());
    }
}

#[test]
fn sheet() {
    let folder = load_folder(Path::new("/tmp/animals/animals"), [3, 32, 32]).unwrap();
    let mixed = folder.dataset.balanced(1).unwrap();
    let some: Vec<usize> = (0..40).collect();
    mixed.show(&some).unwrap().save("/tmp/sheet.png").unwrap();
}
